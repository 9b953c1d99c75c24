"""What people are asked, what they allow and for how long, and the end of it."""
