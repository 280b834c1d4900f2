"""The control categories of both networks: defaults, what may be the inbox, what needs a link."""

DEFAULTS = {
    "direct": {
        "messenger_friends": "inbox",
        "followers": "requests",
        "phone_contacts": "requests",
        "messenger_friends_of_friends": "requests",
        "others_on_direct": "requests",
        "others_on_messenger": "requests",
    },
    "messenger": {
        "direct_following": "inbox",
        "phone_contacts": "requests",
        "friends_of_friends": "requests",
        "direct_followers": "requests",
        "others_on_messenger": "requests",
        "others_on_direct": "requests",
    },
}
MAY_BE_INBOX = {
    ("direct", "messenger_friends"),
    ("messenger", "direct_following"),
    ("messenger", "phone_contacts"),
    ("messenger", "friends_of_friends"),
    ("messenger", "direct_followers"),
}
NEEDS_LINK = {
    ("direct", "messenger_friends"),
    ("direct", "phone_contacts"),
    ("direct", "messenger_friends_of_friends"),
    ("messenger", "direct_following"),
    ("messenger", "direct_followers"),
}
