"""One module a topic; each rule is guards first, then the records, then exactly who may hear it."""
