"""Side by side: this project against what one would use instead, as ratios of one run."""
