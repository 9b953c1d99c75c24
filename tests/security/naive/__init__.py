"""A second opinion about who sees and changes what, that shares nothing with the product but R4's tables."""
