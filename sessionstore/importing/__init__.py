"""From files to rows: what must hold before, staged, proven, active or withdrawn."""
