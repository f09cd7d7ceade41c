"""Returns nothing, which callers see as the JSON `null`."""


def lambda_handler(event, context):
    pass
