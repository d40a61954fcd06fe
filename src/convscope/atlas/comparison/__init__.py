"""Two atlases over the same images: which units of one are like which units of the other."""
