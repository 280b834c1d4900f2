"""The language on the socket: calls, replies and pushes as types, and their codecs.

Pure: no sockets, no clock, no chance. Shared by the hub and its clients.
"""
