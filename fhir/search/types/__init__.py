"""One module for each type of search parameter: what it puts in the index, and how it asks the index."""
