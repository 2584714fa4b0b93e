"""A cpio archive of one program, to be put behind another archive: what comes later replaces what came before."""


def with_program(archive, path, program):
    """The archive, and behind it an executable file; both as bytes."""
    return archive + b"\0" * (-len(archive) % 512) + entry(path, 0o100755, program) + entry("TRAILER!!!", 0, b"")


def entry(path, mode, content):
    name = path.encode() + b"\0"
    fields = [1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return padded(head) + padded(content)


def padded(data):
    return data + b"\0" * (-len(data) % 4)
