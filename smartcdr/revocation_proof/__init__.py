"""The proof that a revoked token reads nothing any more: on real servers, over HTTP, with a clock."""
