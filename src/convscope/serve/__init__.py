"""The server: the same pages as an export, and questions that are answered live where there is a model."""
