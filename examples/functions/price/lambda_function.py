"""Tells the price of an order's item: for one order, or for an array of orders."""

PRICES = {"pen": 1.2, "book": 12.5, "lamp": 30}


def price(order):
    if order["item"] not in PRICES:
        raise ValueError(f"no price for {order['item']}")
    return {"item": order["item"], "price": PRICES[order["item"]]}


def lambda_handler(event, context):
    if isinstance(event, list):
        return [price(order) for order in event]
    return price(event)
