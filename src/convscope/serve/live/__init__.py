"""The questions that are asked of a model live, one module each, and the table of them."""
