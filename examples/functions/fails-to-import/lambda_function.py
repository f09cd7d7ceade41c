"""Fails before its handler exists: a module that it needs is missing."""

import a_module_that_is_not_installed


def lambda_handler(event, context):
    return a_module_that_is_not_installed.answer()
