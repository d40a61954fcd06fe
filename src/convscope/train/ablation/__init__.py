"""Ablation: structured changes of a recipe, each trained from scratch with several seeds, and compared in pairs."""
