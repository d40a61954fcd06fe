"""Training by recipes: networks of the papers' form, with snapshots on the way. Needs the extra ``train``."""
