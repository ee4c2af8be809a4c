"""Feeds of live pages: join, snapshot, stream. They use no sockets: the owner of a feed passes a function that sends.

A hint says that something changed; what changed is read by sequence number, so a lost or doubled hint costs nothing,
and a poll repairs a silence. One frame is under way at a time: the next one is made when the last was acknowledged,
because Daphne never makes a sender wait for a slow browser (STYLE.md §4).
"""
