"""The first function of AWS's own example: says hello, whatever the event."""


def lambda_handler(event, context):
    print("Hello from the log!")
    return {"statusCode": 200, "body": "\"Hello from Lambda!\""}
