"""What our pages have in common: one file each, filled safely, that asks nobody for anything."""
