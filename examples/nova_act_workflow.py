"""A `Workflow` of the unmodified Nova Act SDK whose run is recorded in your stack. Needs AWS: the SDK first asks STS who you are."""
import botocore.session
from nova_act import Workflow

REGION = "us-east-1"  # of your stack
ENDPOINT = f"https://API_ID.execute-api.{REGION}.amazonaws.com/prod"
SERVICE = f"https://nova-act.{REGION}.amazonaws.com/"


def send_to_endpoint(request, **_):
    if not request.url.startswith(SERVICE):
        raise ValueError(f"{request.url} does not begin with {SERVICE}")
    request.url = ENDPOINT + "/" + request.url.removeprefix(SERVICE)
    request.context.setdefault("signing", {})["signing_name"] = "execute-api"


session = botocore.session.Session()
session.set_config_variable("region", REGION)
session.register("before-sign.nova-act", send_to_endpoint)

with Workflow(
    model_id="nova-act-latest", workflow_definition_name="demo", boto_session_kwargs={"botocore_session": session}
):
    ...  # your agent
