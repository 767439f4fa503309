"""Writes the container files of this folder with fastavro: python make.py (pip install fastavro cramjam backports.zstd)."""
import datetime
import decimal
import uuid

import fastavro

schema = fastavro.parse_schema({
    "type": "record", "name": "shop.order", "fields": [
        {"name": "id", "type": "long"},
        {"name": "n", "type": "int"},
        {"name": "ok", "type": "boolean"},
        {"name": "nothing", "type": "null"},
        {"name": "f", "type": "float"},
        {"name": "x", "type": "double"},
        {"name": "name", "type": ["null", "string", "long"]},
        {"name": "bin", "type": "bytes"},
        {"name": "state", "type": {"type": "enum", "name": "state", "symbols": ["NEW", "PAID"]}},
        {"name": "code", "type": {"type": "fixed", "name": "code", "size": 3}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "props", "type": {"type": "map", "values": ["null", "double"]}},
        {"name": "next", "type": ["null", "shop.order"]},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "took", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 3}},
        {"name": "key", "type": {"type": "string", "logicalType": "uuid"}},
    ]})


def order(i, name, next_):
    return {
        "id": (-1) ** i * i * 10 ** 12, "n": -i, "ok": i % 2 == 0, "nothing": None, "f": 0.5 * i, "x": 1e300 * i, "name": name,
        "bin": "h\u00e9".encode(), "state": "PAID" if i % 2 else "NEW", "code": b"abc", "tags": ["a", "\u00fc\"b"][:i], "props": {"a": None, "b": 1.5},
        "next": next_, "day": datetime.date(1969, 12, 31), "at": datetime.datetime(2024, 2, 29, 1, 2, 3, 456789, datetime.timezone.utc),
        "took": datetime.time(1, 2, 3, 4000), "price": decimal.Decimal("-12.345") * i, "key": uuid.UUID("74be27de-1e4e-49d9-b579-fe0b331d3642"),
    }


records = [order(0, None, None), order(1, "one", order(2, 7, None))]
for codec in "null", "deflate", "snappy", "zstandard":
    with open(codec + ".avro", "wb") as out:
        fastavro.writer(out, schema, records, codec=codec)
