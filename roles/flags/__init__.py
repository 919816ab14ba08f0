"""The next .env, beside the live one, and the catalogue of flags."""
