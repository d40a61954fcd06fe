"""An evolution as pages: a scrubber over all checkpoints for each layer, a strip for each unit."""
