"""The one program on the host that switches: journal, lock, PM2, health gate, put back.

It is given a plan on standard input, takes a lock that dies with it, and writes an fsynced journal,
so that whatever ends it (a kill, a power cut), the next run or the boot unit knows what to do.
Session data is `sessionstore`'s business; this package knows processes, files and their order.
"""
