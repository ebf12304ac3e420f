"""A chat as one writes it with the CDK alone, to compare the reference system with.

It keeps what the reference system promises of a message: it is stored once and in order or not at all, in two Regions,
members of both see it live, and a topic and a queue bring it to the archive of each Region. It has nothing else: no
alarms, no dead-letter queues, no limits, no read markers, no notices, no changes of messages.
"""
