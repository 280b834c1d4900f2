"""What can be wrong with an import as a whole, besides the archive itself."""

from bridge.errors import SetupError


class ImportRefused(SetupError):
    """The import cannot begin like this; nothing was changed."""

    code = "import_refused"


class OwnerNotTold(ImportRefused):
    """The archive does not tell which account it is, or tells one that a live person has."""

    code = "import_owner_unclear"
    default = "Say whose archive this is: --as network/handle."


class BadMap(ImportRefused):
    """The operator's word on who is whom cannot be understood."""

    code = "import_bad_map"
    default = 'Say who is whom as "Name=network/handle", with an account that exists.'


class ExportRefused(SetupError):
    """There is no such account to export."""

    code = "export_refused"
    default = "There is no such account."
