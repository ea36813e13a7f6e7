import math

import orjson
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
