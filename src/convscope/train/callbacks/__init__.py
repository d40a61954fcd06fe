"""What happens between the steps of a run: the rate falls, snapshots and records are written, a stop can be undone."""
