"""From a model and images to an atlas: where the engine meets the store."""
