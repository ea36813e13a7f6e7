import math

import orjson
import pytest
import socketio.packet

from ml_board.socket.clients import as_json
from ml_board.socket.packets import WirePacket


def test_lines_go_out_as_they_stand():
    line = b'{"event_type":"job_status","creation_ts":1,"payload":{"x":1.50}}'
    packet = WirePacket(socketio.packet.EVENT, data=["mlgym_event", {"event_id": 7, "data": orjson.Fragment(line)}])
    assert packet.encode() == '2["mlgym_event",{"event_id":7,"data":' + line.decode() + "}]"


def test_a_publisher_may_send_nan():
    packet = WirePacket(encoded_packet='2["mlgym_event",{"score":NaN,"other":-Infinity}]')
    assert math.isnan(packet.data[1]["score"])
    assert packet.data[1]["other"] == -math.inf


def test_what_is_no_number_goes_out_as_null():
    packet = WirePacket(socketio.packet.EVENT, data=["delta", as_json({"value": math.nan})])
    assert packet.encode() == '2["delta",{"value":null}]'


def test_the_library_keeps_its_own_json():
    assert socketio.packet.Packet.json is not WirePacket.json


def test_bytes_go_out_beside_their_event():
    message = {"room": "r", "from": 7, "lines": b"a\nb\n"}
    packet = WirePacket(socketio.packet.EVENT, data=["live", message], id=3)
    assert packet.encode() == ['51-3["live",{"room":"r","from":7,"lines":{"_placeholder":true,"num":0}}]', b"a\nb\n"]
    assert message["lines"] == b"a\nb\n"


def test_bytes_that_lie_deeper_are_not_looked_for():
    assert not WirePacket.data_is_binary(["history", {"data": [{"nested": b"x"}]}])


def test_an_attachment_is_put_into_its_place():
    packet = WirePacket(encoded_packet='51-7["batch",{"_placeholder":true,"num":0}]')
    assert packet.attachment_count == 1
    assert packet.add_attachment(b"lines")
    assert (packet.data, packet.id) == (["batch", b"lines"], 7)


def test_the_resources_of_a_checkpoint_are_put_into_their_places():
    streams = '{"model":{"_placeholder":true,"num":0},"optimizer":{"_placeholder":true,"num":1},"other":null}'
    text = (
        '52-["mlgym_event",{"payload":{"checkpoint_streams":' + streams + ',"list":[{"_placeholder":true,"num":0}]}}]'
    )
    packet = WirePacket(encoded_packet=text)
    assert not packet.add_attachment(b"weights")
    assert packet.add_attachment(b"moments")
    payload = packet.data[1]["payload"]
    assert payload["checkpoint_streams"] == {"model": b"weights", "optimizer": b"moments", "other": None}
    assert payload["list"] == [{"_placeholder": True, "num": 0}]


@pytest.mark.parametrize(
    "text",
    [
        "x", " ", "2", "2{}", "2[]", "2[1]", '2["connect",{}]', '2["disconnect"]', "2[", "3", '55-["batch"]',
        '599999999999-["batch"]', "51-", "5", "3{}", "2" + "[" * 2000, '2["a"', '51-["connect",{}]',
    ],
)  # fmt: skip
def test_what_no_client_sends_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        WirePacket(encoded_packet=text)


@pytest.mark.parametrize("number", ["1", "-1", '"x"', "null"])
def test_a_place_for_no_attachment_is_refused(number):
    packet = WirePacket(encoded_packet='51-["batch",{"_placeholder":true,"num":' + number + "}]")
    with pytest.raises(ValueError, match="did not come"):
        packet.add_attachment(b"lines")
