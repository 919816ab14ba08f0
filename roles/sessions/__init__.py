"""Legacy session directories, scripts and cron jobs: retired, archived, removed when due."""
