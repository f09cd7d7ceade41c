"""The function of AWS's blog post on calling Lambda from a database: the event, with a "Status"."""


def lambda_handler(event, context):
    output = {"Status": "OK"}  # first, as the blog's output shows it
    output.update(event)
    output["Status"] = "OK"
    return output
