"""A second opinion on search: slow, plain, in memory, and without a line of the product."""
