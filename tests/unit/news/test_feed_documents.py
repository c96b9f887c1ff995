"""Documents in all their states: text only, bounded expansion, bounded time."""

import json
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import feedparser  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.news.adapters.feed_documents import FeedparserReader
from bellwether.news.adapters.html_text import plain_text, text_of_html
from bellwether.news.ports.feed_access import DocumentEntry, FeedDocument
from bellwether.shared.domain.errors import InvalidInputError
from tests.feed_builders import rss

ATOM = "http://www.w3.org/2005/Atom"


def read(content: bytes, content_type: str | None = None, *, seconds: float = 10) -> FeedDocument:
    reader = FeedparserReader(seconds=seconds)
    return reader.parse(content, url="https://example.org/feed", content_type=content_type)


def read_one(content: bytes, content_type: str | None = None) -> DocumentEntry:
    (entry,) = read(content, content_type).entries
    return entry


def item(**elements: str) -> bytes:
    return rss([elements])


# --- what is read ---------------------------------------------------------------------------------------------------


def test_an_entry_is_read_whole() -> None:
    first, second = read(rss(2)).entries
    assert first == DocumentEntry(
        entry_id="https://example.org/0",
        url="https://example.org/0",
        title="Company number 0 reports quarterly figures for region 0",
        summary="What number 0 had to say.",
        published_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        updated_at=None,
    )
    assert second.entry_id == "https://example.org/1"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("content_type", [None, "text/xml; charset=utf-8", "application/rss+xml"])
def test_wide_characters_are_read_declared_or_not(codec: str, declared: bool, content_type: str | None) -> None:
    # Given a document that says UTF-8, what it is, or nothing (the codecs without an order write a mark)
    text = item(title="Café Ångström 漢字").decode()
    for said in ('encoding="UTF-8"', f'encoding="{codec}"') if declared else ("",):
        document = text.replace('encoding="UTF-8"', said).encode(codec)
        assert read_one(document, content_type).title == "Café Ångström 漢字"


def test_a_reference_to_half_of_a_pair_costs_itself_only() -> None:
    for half in ("&#xD800;", "&#xdfff;", "&#55296;", "&#057343;"):
        document = item(title="Acme HALF up").replace(b"HALF", half.encode())
        assert read_one(document).title == "Acme \N{REPLACEMENT CHARACTER} up"
    assert read_one(item(title="Acme PILE up").replace(b"PILE", b"&#x1F600;")).title == "Acme \N{GRINNING FACE} up"


def test_atom_is_read_too_with_its_names_and_relative_links() -> None:
    document = read(
        f"""<feed xmlns="{ATOM}"><id>urn:feed</id><link rel="self" href="/feed"/><link href="/"/>
        <entry><id>urn:1</id><link href="story/1"/><title type="html">A &lt;b&gt;bold&lt;/b&gt; claim</title>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One</p><p>Two</p></div></content>
        <updated>2026-03-02T13:00:00+01:00</updated></entry></feed>""".encode()
    )
    (entry,) = document.entries
    assert (entry.title, entry.summary, entry.url) == ("A bold claim", "One Two", "https://example.org/story/1")
    assert entry.updated_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert {"urn:feed", "https://example.org/"} <= set(document.names)


def test_hints_of_the_publisher() -> None:
    sy = 'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'
    channel = (
        f"<ttl>15</ttl><sy:updatePeriod {sy}>hourly</sy:updatePeriod><sy:updateFrequency {sy}>2</sy:updateFrequency>"
    )
    document = read(rss(1, channel=channel))
    assert (document.ttl_seconds, document.update_period_seconds) == (900, 1800)
    nonsense = read(rss(1, channel="<ttl>soon</ttl>"))
    assert (nonsense.ttl_seconds, nonsense.update_period_seconds) == (None, None)


BANK = rss([{"title": "Банк"}])
UNDECLARED = BANK.partition(b"?>")[2].decode()
DECLARED_CYRILLIC = b'<?xml version="1.0" encoding="windows-1251"?>' + UNDECLARED.encode("cp1251")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (DECLARED_CYRILLIC, None),
        (UNDECLARED.encode("koi8-r"), "application/xml; charset=koi8-r"),
        (BANK.decode().replace("UTF-8", "UTF-16").encode("utf-16"), None),
        (b"\xef\xbb\xbf" + BANK.replace(b"UTF-8", b"ISO-8859-1"), None),
        (BANK, "text/xml; charset=nonsense"),
        (b"\n\n  " + BANK, None),
    ],
)
def test_charsets_that_are_named_wrongly_or_not_at_all(content: bytes, content_type: str | None) -> None:
    assert read_one(content, content_type).title == "Банк"


@pytest.mark.parametrize(
    "content",
    [
        rss(3)[:-40],
        rss(3).replace(b"</guid>", b"", 1),
        rss(3).replace(b"What number", b"What & number"),
        rss(3).replace(b"<rss ", b"<rss xmlns:x='' "),
        rss(3).replace(b"number 1", b"number \x00\x01 1"),
    ],
)
def test_malformed_xml_still_gives_entries(content: bytes) -> None:
    assert len(read(content).entries) == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither RSS nor Atom"),
        (b"   ", "no entries"),
        (b"<!doctype html><html><head><title>Log in</title></head><body><p>Please</p></body></html>", "a web page"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body/></html>', "a web page"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": {}}', "are no list"),
        (b'{"items": []}', "not a JSON Feed"),
        (b"[1, 2]", "not a JSON Feed"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"n": ' + b"9" * 5000 + b"}", "not JSON"),
        (bytes(range(256)) * 20, "no entries"),
        (b"%PDF-1.7 ...", "no entries"),
        (b"/etc/passwd", "no entries"),  # never taken for the name of a file
    ],
)
def test_what_is_no_feed_is_told_so(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        read(content)


JSON_VERSION = "https://jsonfeed.org/version/1.1"


def json_feed(*items: object, **members: object) -> bytes:
    return json.dumps({"version": JSON_VERSION, "title": "T", "items": items} | members).encode()


def test_a_json_feed_is_read_whole() -> None:
    entry = read_one(
        json_feed(
            {
                "id": "a1",
                "url": "/2026/a?x=1",
                "external_url": "https://other.example/",
                "title": "AT&amp;T raises outlook: yields < 4%",
                "content_html": "<p>Profit at AT&amp;T<script>x</script></p><p>rose</p>",
                "date_published": "2026-03-02T06:00:00-05:00",
                "date_modified": "2026-03-02T12:00:00Z",
                "authors": [{"name": "A"}],
                "tags": ["x"],
            }
        )
    )
    assert entry == DocumentEntry(
        entry_id="a1",
        url="https://example.org/2026/a?x=1",
        title="AT&T raises outlook: yields < 4%",
        summary="Profit at AT&T rose",
        published_at=datetime(2026, 3, 2, 11, tzinfo=UTC),
        updated_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
    )


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_json_feed_is_read_in_each_unicode_encoding(codec: str) -> None:
    assert read_one(json_feed({"id": "1", "title": "Café"}).decode().encode(codec)).title == "Café"


def test_items_of_a_json_feed_that_are_none_cost_themselves_only() -> None:
    entries = read(
        json_feed(
            3, None, {"id": 7, "content_text": "No title, \ud83d half"}, [], {"id": "b", "title": ["x"], "url": 9}
        )
    ).entries
    assert [(each.entry_id, each.title, each.summary, each.url) for each in entries if each.entry_id] == [
        ("7", "", "No title, half", ""),
        ("b", "", "", ""),
    ]
    assert len(entries) == 5


def test_a_json_feed_that_will_not_change_is_polled_seldom() -> None:
    assert read(json_feed(expired=True)).ttl_seconds == 3600
    assert read(json_feed()).ttl_seconds is None


@pytest.mark.parametrize("ending", [b"}", b', "items": null}', b', "items": []}'])
def test_a_json_feed_without_items_is_an_empty_feed(ending: bytes) -> None:
    assert read(b'{"version": "https://jsonfeed.org/version/1.1"' + ending).entries == ()


def test_seconds_since_1970_are_a_date_in_a_json_feed_too() -> None:
    assert read_one(json_feed({"id": "1", "date_published": 1772449200})).published_at == datetime(
        2026, 3, 2, 11, tzinfo=UTC
    )


# --- what other readers' users report: each stands for its kind -------------------------------------------------------

EXTENSIONS = (
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:related="https://example.org/ns" '
    'xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"'
)


def raw(items: str) -> bytes:
    """A feed with these items as they are."""
    return f"<rss version='2.0' {EXTENSIONS}><channel><title>T</title>{items}</channel></rss>".encode()


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("AT&T and H&M rise", "AT&T and H&M rise"),
        ("Johnson & Johnson &amp; Co &#8211; R&D, up", "Johnson & Johnson & Co – R&D, up"),
        ("Caf&eacute; R&D&nbsp;costs", "Café R&D costs"),
        ("<![CDATA[AT&T &amp; <b>Verizon</b>]]>", "AT&T & Verizon"),
        ("Q&#A; & &#xZ; rise", "Q&#A; & &#xZ; rise"),
        ("Acme \x1e beats \x08estimates", "Acme beats estimates"),
        ("<a href='https://example.org/'>Acme</a> rises", "Acme rises"),
    ],
)
def test_a_title_with_faulty_markup_is_read_as_it_is_meant(title: str, expected: str) -> None:
    assert read_one(raw(f"<item><title>{title}</title><guid>1</guid></item>")).title == expected


def test_bare_ampersands_in_other_character_sets_change_nothing() -> None:
    # Given ISO-2022-JP, in which a byte of a Greek letter is that of an ampersand
    document = '<?xml version="1.0" encoding="iso-2022-jp"?><rss version="2.0"><channel><item><title>α R&D</title></item></channel></rss>'  # noqa: E501
    assert "α" in read_one(document.encode("iso-2022-jp")).title


def test_a_related_entry_s_link_is_not_the_entry_s() -> None:
    own, other = "https://example.org/1", "https://example.org/related"
    related = f"<related:list><link>{other}</link><link>{other}/2</link></related:list>"
    for content, expected in (
        (f"<link>{own}</link>{related}", own),
        (f"{related}<link>{own}</link><guid>{own}</guid>", own),
        (f"<link>{own}</link>", own),
    ):
        assert read_one(raw(f"<item><title>Acme rises</title>{content}</item>")).url == expected


def test_a_caption_is_not_the_summary_unless_there_is_no_other() -> None:
    caption = "<media:content><media:description>A plant</media:description></media:content>"
    for content, expected in (
        (f"{caption}<description>Profit rose.</description>", "Profit rose."),
        (f"<description>Profit rose.</description>{caption}", "Profit rose."),
        (caption, "A plant"),
    ):
        assert read_one(raw(f"<item><title>Acme rises</title>{content}</item>")).summary == expected


def test_the_publisher_s_own_link_comes_before_feedburner_s() -> None:
    links = "<link>https://feeds.example/~r/1</link><feedburner:origLink>https://example.org/1</feedburner:origLink>"
    assert read_one(raw(f"<item><title>Acme rises</title>{links}</item>")).url == "https://example.org/1"


def test_repairs_take_time_in_proportion_to_the_document() -> None:
    before = time.process_time()
    for opened in (b"<![CDATA[", b"<!--", b"&", b"&a", b"<media:description"):
        with suppress(InvalidInputError):
            read(opened * (200_000 // len(opened)), seconds=2)
    assert time.process_time() - before < 8


def test_an_empty_feed_is_a_feed() -> None:
    assert read(rss(0)).entries == ()


# --- harm -----------------------------------------------------------------------------------------------------------


def with_doctype(doctype: str, title: str) -> bytes:
    return (
        rss([{"title": "T"}])
        .replace(b"?><rss", f"?><!DOCTYPE rss [{doctype}]><rss".encode())
        .replace(b"<title>T<", f"<title>{title}<".encode())
    )


LAUGHS = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "cp037", "utf-7"])
def test_a_billion_laughs_are_not_heard_in_any_charset(encoding: str) -> None:
    text = with_doctype(LAUGHS, "&a9;").decode().replace("UTF-8", encoding)
    with pytest.raises(InvalidInputError, match="would add 6444444440 bytes"):
        read(text.encode(encoding), f"application/xml; charset={encoding}" if encoding == "utf-7" else None)


@pytest.mark.parametrize("doctype", ['<!ENTITY a "&a;">', '<!ENTITY a "&b;"><!ENTITY b "x&a;">'])
def test_an_entity_that_names_itself_is_refused(doctype: str) -> None:
    with pytest.raises(InvalidInputError, match="endlessly"):
        read(with_doctype(doctype, "&a;"))


def test_entities_nested_too_deep_for_recursion_are_reckoned() -> None:
    deep = '<!ENTITY a0 "">' + "".join(f'<!ENTITY a{n} "&a{n - 1};">' for n in range(1, 5000))
    assert entries_or_reason(with_doctype(deep, "&a4999;"))


def test_one_long_entity_said_often_is_refused() -> None:
    bomb = with_doctype(f'<!ENTITY a "{"x" * 50_000}">', "&a;" * 1000)
    with pytest.raises(InvalidInputError, match="entities would add 50000000 bytes"):
        read(bomb)


@pytest.mark.parametrize("entity", ['SYSTEM "file:///etc/passwd"', 'PUBLIC "x" "http://127.0.0.1:9/"'])
def test_nothing_outside_the_document_is_read(entity: str) -> None:
    entry = read_one(with_doctype(f"<!ENTITY x {entity}>", "before &x; after"))
    assert "root:" not in entry.title


def test_a_harmless_entity_is_still_read() -> None:
    assert read_one(with_doctype('<!ENTITY co "Acme">', "&co; opens")).title == "Acme opens"


def test_what_takes_too_long_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a parser that catches everything and never ends, as a pattern over hostile input does
    def endless(*_: object, **__: object) -> None:
        while True:
            try:
                re.match(r"(a+)+$", "a" * 26 + "!")
            except Exception:  # noqa: BLE001, S112 - as such parsers do
                continue

    monkeypatch.setattr("feedparser.parse", endless)
    start = time.process_time()
    with pytest.raises(InvalidInputError, match=r"not read within 0.2 s"):
        read(rss(1), seconds=0.2)
    assert time.process_time() - start < 20


def test_waiting_for_a_busy_machine_counts_against_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a machine on which reading takes ten times its processor time
    parse = feedparser.parse

    def waiting(*arguments: Any, **facts: Any) -> Any:
        time.sleep(0.5)
        return parse(*arguments, **facts)

    monkeypatch.setattr("feedparser.parse", waiting)
    # When a document is read with a limit below the real time
    document = FeedparserReader(seconds=0.4).parse(rss(2), url="https://example.org/feed", content_type=None)
    # Then it is read, unless the caller's own time is over
    assert len(document.entries) == 2
    with pytest.raises(TimeoutError, match="no time left"):
        FeedparserReader().parse(rss(2), url="https://example.org/feed", content_type=None, seconds_left=0.2)


@pytest.mark.parametrize("error", [RecursionError, LookupError, UnicodeError("x"), AssertionError])
def test_a_parser_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("feedparser.parse", fail)
    with pytest.raises(InvalidInputError, match="the parser failed"):
        read(rss(1))


def entries_or_reason(content: bytes) -> int | str:
    try:
        return len(read(content).entries)
    except InvalidInputError as error:
        return error.reason


@given(st.binary(max_size=400))
def test_any_bytes_are_entries_or_a_reason(content: bytes) -> None:
    assert entries_or_reason(content)
    assert entries_or_reason(rss(2)[: 200 + len(content) % 300] + content) != ""


def test_nesting_without_end_is_entries_or_a_reason() -> None:
    assert entries_or_reason(rss([{"title": "x", "description": "<div>" * 20_000}]))


# --- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two &amp; three</p>", "One Two & three"),
        ("a<br/>b<br>c", "a b c"),
        ("<script>alert(1)</script>said<style>p{}</style>", "said"),
        ("<b>bo</b>ld", "bold"),
        ("5 &lt; 6", "5 < 6"),
        ("<img src=x onerror=alert(1)>seen", "seen"),
        ("<svg><p>hidden</p></svg>shown", "shown"),
        ("no markup", "no markup"),
        ("<p>open <div>ended", "open ended"),
        ("a\u00a0b\u200bc \u202eevil\u2069", "a bc evil"),
    ],
)
def test_text_of_html(markup: str, text: str) -> None:
    assert text_of_html(markup, characters=100) == text


def test_markup_in_a_feed_becomes_text_and_scripts_say_nothing() -> None:
    entry = read_one(
        item(title="<i>Acme</i> &amp; Co", description='<p onclick="x()">Up <script>steal()</script>5%</p>')
    )
    assert (entry.title, entry.summary) == ("Acme & Co", "Up 5%")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "ftp://example.org/1", "https://a/" + "x" * 3000]
)
def test_a_link_that_nobody_should_follow_is_none(link: str) -> None:
    assert read_one(item(title="x", link=link)).url == ""


@given(st.text(max_size=300), st.integers(1, 50))
def test_plain_text_is_short_storable_and_settled(text: str, characters: int) -> None:
    plain = plain_text(text, characters=characters)
    assert len(plain) <= characters
    assert "\x00" not in plain
    plain.encode()
    assert plain_text(plain, characters=characters) == plain


PIECES = ["<p>", "</p>", "<br/>", "<b>", "</b >", '<a href="x>y">', "<a href='1' title=\"2\">", "</a>", "<h1>", "<x-y>"]
WORDS = [
    "one",
    " two ",
    "&amp;",
    "&lt;p&gt;",
    "&nbsp;",
    " < ",
    "<3",
    '"',
    "<!-- no -->",
    "<script>x<p></script>",
    "<img alt='a'/>",
]


class PythonsParser(HTMLParser):
    """Text as Python's own parser finds it."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.in_script = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.in_script = tag == "script"
        self.text += " " if tag in {"p", "br", "h1"} else ""

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False
        self.text += " " if tag == "p" else ""

    def handle_data(self, data: str) -> None:
        self.text += "" if self.in_script else data


@given(st.lists(st.sampled_from(PIECES + WORDS), max_size=12))
def test_sound_markup_is_read_as_pythons_parser_reads_it(pieces: list[str]) -> None:
    parser = PythonsParser()
    parser.feed("".join(pieces))
    parser.close()
    assert text_of_html("".join(pieces), characters=500) == plain_text(parser.text, characters=500)


def test_markup_made_to_be_slow_is_not() -> None:
    start = time.process_time()
    for piece in ('<a "', "<a '", "<a b=", "<p ", "<", "</", "<!--", "&#", "<p x=''", "<script>", "<![CDATA["):
        text_of_html(piece * (100_000 // len(piece)), characters=4000)
        text_of_html(piece * (100_000 // len(piece)) + ">", characters=4000)
    assert time.process_time() - start < 30
