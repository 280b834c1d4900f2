"""What can be wrong with an official archive as a whole.

    SetupError
    └── ArchiveError
        ├── ArchiveNotFound, ArchiveUnreadable     there is no such file, or it cannot be opened
        ├── NotAnArchive, HtmlArchive, MixedArchives, OwnerUnknown    it is not what the import needs
        ├── HostileArchive                         it would harm the machine that reads it
        │   └── ArchiveTooLarge
        ├── MemberUnreadable                       one file inside is broken; the reader counts it and goes on
        └── TargetExists, Unwritable, BadRecord    an export cannot be written

``path`` is the file or folder given, ``member`` the file inside it.
"""

from bridge.errors import SetupError


class ArchiveError(SetupError):
    """An official archive cannot be read or written.

    Attributes:
        path: The file or folder that was given.
        member: The file inside it, if one is at fault.
    """

    code = "archive"
    default = "The archive cannot be used."

    def __init__(self, text: str = "", *, path: str | None = None, member: str | None = None) -> None:
        """Name the file at fault."""
        self.member = member
        place = ": ".join(part for part in (path, member) if part)
        super().__init__(f"{place}: {text or self.default}" if place else text, path=path)


class ArchiveNotFound(ArchiveError):
    """There is no file or folder of that name."""

    code = "archive_not_found"
    default = "There is no such file or folder; check the path."


class ArchiveUnreadable(ArchiveError):
    """The file is no ZIP, is damaged, or may not be opened."""

    code = "archive_unreadable"
    default = "This is not a readable ZIP file; download it again, or unpack it and give the folder."


class NotAnArchive(ArchiveError):
    """Nothing in it looks like an Instagram or Facebook archive."""

    code = "archive_unrecognised"
    default = (
        "This does not look like an Instagram or Facebook archive; give the ZIP as downloaded or its top "
        "folder, and name the network if the archive is an old one."
    )


class HtmlArchive(ArchiveError):
    """The archive was downloaded in the format meant for browsers."""

    code = "archive_html"
    default = "This archive is in HTML; request it again and choose the format JSON."


class MixedArchives(ArchiveError):
    """The parts belong to different networks, people or downloads."""

    code = "archive_mixed"
    default = "These parts come from both Instagram and Facebook; import each network's archive by itself."


class OwnerUnknown(ArchiveError):
    """The archive does not tell whose it is."""

    code = "archive_owner_unknown"
    default = "The archive does not tell whose it is; give the owner's name as it stands in the threads."


class HostileArchive(ArchiveError):
    """The archive holds what no official archive does; nothing of it was read."""

    code = "archive_hostile"
    default = "This archive was tampered with; download it again."


class ArchiveTooLarge(HostileArchive):
    """The archive is larger than the limits allow."""

    code = "archive_too_large"
    default = "This archive is over the limits; raise them if you trust it."


class MemberUnreadable(ArchiveError):
    """One file inside cannot be read; the others can."""

    code = "archive_member_unreadable"
    default = "This file is damaged; download the archive again to have it too."


class TargetExists(ArchiveError):
    """The export would overwrite something."""

    code = "archive_target_exists"
    default = "There is something here already; choose another place or remove it."


class Unwritable(ArchiveError):
    """The place of an export takes no files, or no more of them."""

    code = "archive_unwritable"
    default = "The export cannot be written here; check permissions and free space."


class BadRecord(ArchiveError):
    """A record cannot be put into an official archive."""

    code = "archive_bad_record"
    default = "This record cannot be written to an archive."
