#!/usr/bin/env python3
"""ministack, a stand-in for AWS, with what it lacks to check this stack.

usage: stand_in.py

Listens on BIND_HOST and GATEWAY_PORT. Two of its shims end with an error once ministack does without them. The third one leaves
requests with the header `x-ministack-alone` alone, so that a caller can try.
"""
import json
import re
import sys

from ministack import app
from ministack.core import iam_actions
from ministack.core.iam_evaluator import AuthError
from ministack.services import apigateway_v1

ANY = "x-amazon-apigateway-any-method"


def hand_over_leading_keys():
    """`dynamodb:LeadingKeys` is no key that ministack hands to IAM, and the function's role has a condition on it."""
    context_of = iam_actions.dynamodb_service_context
    get = {"TableName": "t", "Key": {"pk": {"S": "run/1"}}}
    if any(name.lower() == "dynamodb:leadingkeys" for name in context_of(json.dumps(get).encode())):
        sys.exit("ministack hands dynamodb:LeadingKeys over by now: remove the shim")

    def with_leading_keys(body):
        request = json.loads(body or b"{}")
        items = [request.get("Key"), request.get("Item")]
        items += [key for table in (request.get("RequestItems") or {}).values() if isinstance(table, dict) for key in table["Keys"]]
        keys = [item["pk"]["S"] for item in items if item]
        # AWS hands nothing over where there is none: a policy that forgets `Null` allows that.
        return {**context_of(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    iam_actions.dynamodb_service_context = with_leading_keys


def import_any_methods():
    """ministack skips the methods ANY of an API that is imported, as CloudFormation imports this one."""
    api = apigateway_v1._import_rest_api({"info": {"title": "probe"}, "paths": {"/": {ANY: {}}}})
    if any(resource.get("resourceMethods") for resource in apigateway_v1._resources[api].values()):
        sys.exit("ministack imports methods ANY by now: remove the shim")
    apigateway_v1._delete_rest_api(api)

    import_path = apigateway_v1._import_path_item
    apigateway_v1._OPENAPI_HTTP_METHODS |= {"any"}
    apigateway_v1._import_path_item = lambda api, path, methods, *rest: import_path(
        api, path, {"any" if method == ANY else method: operation for method, operation in methods.items()}, *rest)


def check_the_service_that_is_signed_for():
    """ministack takes a signature for any service, API Gateway one for execute-api only."""
    enforce = app._enforce_execute_api

    def for_execute_api(api, stage, method, path, headers, query, **rest):
        scope = re.search(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request", headers.get("authorization", ""))
        if scope and scope[1] != "execute-api" and "x-ministack-alone" not in headers:
            refused = AuthError("SignatureDoesNotMatch", "Credential should be scoped to correct service: 'execute-api'. ")
            return apigateway_v1.authentication_error_response(api, stage, refused, headers, query)
        return enforce(api, stage, method, path, headers, query, **rest)

    app._enforce_execute_api = for_execute_api


if __name__ == "__main__":
    check_the_service_that_is_signed_for()
    hand_over_leading_keys()
    import_any_methods()
    app.main()
