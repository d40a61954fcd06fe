"""Results of experiments as pages: trainings, ablations, and all others by one table of what their folders hold."""
