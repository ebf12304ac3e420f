"""Responses are whole on a connection that is kept, whatever their length, and one after the other."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

from cdp_constructs.local import LocalCloud


def test_responses_with_and_without_a_body_follow_each_other_on_one_connection(cloud: LocalCloud) -> None:
    address = urlsplit(cloud.endpoint)
    cloud.client("s3").create_bucket(Bucket="responses")
    cloud.client("s3").put_object(Bucket="responses", Key="large", Body=b"x" * 3_000_000)
    url = cloud.client("s3").generate_presigned_url("get_object", Params={"Bucket": "responses", "Key": "large"})
    head = cloud.client("s3").generate_presigned_url("head_object", Params={"Bucket": "responses", "Key": "large"})
    connection = HTTPConnection(address.hostname or "", address.port)
    for _ in range(2):
        connection.request("GET", url.removeprefix(cloud.endpoint))
        answer = connection.getresponse()
        assert (answer.status, len(answer.read())) == (200, 3_000_000)
        connection.request("HEAD", head.removeprefix(cloud.endpoint))
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-length"], answer.read()) == (200, "3000000", b"")
    connection.close()
