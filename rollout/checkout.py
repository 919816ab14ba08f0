"""The checkout, which is the product: deploy.py, roles, inventories and checks lie beside this package."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
