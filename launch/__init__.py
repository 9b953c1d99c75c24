"""Launch contexts: which patient (and encounter) an app is opened for, and who may open it."""
