"""The session data of a Baileys service: read, decide, import, prove, archive, remove.

Stands on the standard library and psycopg 3 alone and imports nothing else of this
project, so that it also runs from the host program's zipapp (Python 3.10 and up).
"""
