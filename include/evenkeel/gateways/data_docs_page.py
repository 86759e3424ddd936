"""The frame around a Data Docs page: one file, no script, nothing fetched, so that it reads offline.

Great Expectations' own frame asks seven hosts for its looks and links to pages that are not there. The sections
inside stay the vendor's.
"""

from __future__ import annotations

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ run_name | e }}</title>
<style>{% include 'evenkeel.css' %}</style>
</head>
<body>
<header>
<h1>{{ run_name | e }}</h1>
<p class="verdict {{ verdict }}">{{ headline | e }}</p>
<p>Suite <b>{{ suite | e }}</b> ({{ suite_hash | e }}): {{ evaluated }} expectations on {{ rows }} rows.</p>
{% for severity, sentences in findings.items() if sentences %}
<h2>{{ severity | capitalize }}</h2>
<ul>{% for sentence in sentences %}<li>{{ sentence | e }}</li>{% endfor %}</ul>
{% endfor %}
{% if unevaluated %}<h2>Not evaluated</h2>
<ul>{% for sentence in unevaluated %}<li>{{ sentence | e }}</li>{% endfor %}</ul>
{% endif -%}
<nav>{% for section in sections[1:] -%}
<a href="#section-{{ loop.index }}">{{ section['section_name'] | string | e }}</a>
{% endfor %}</nav>
</header>
<main>
{% for section in sections[1:] %}
{% set section_loop = loop -%}
{% include 'section.j2' %}
{% endfor %}
</main>
<footer>Rendered by Great Expectations {{ ge_version }}</footer>
</body>
</html>
"""

STYLE = """\
:root { color-scheme: light dark; --line: #8884; --soft: #8881;
  --bad: #c62828; --good: #2e7d32; --warn: #b26a00 }
@media (prefers-color-scheme: dark) { :root { --bad: #ef6c6c; --good: #6cbf70; --warn: #e0a040 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; padding: 1.5rem }
h1 { font-size: 1.5rem; margin: 0 0 .5rem }
h2, h5 { font-size: 1.05rem; margin: 1.2rem 0 .4rem }
.verdict { display: inline-block; margin: 0; padding: .15rem .7rem;
  border-radius: .3rem; color: #fff; font-weight: 600 }
.verdict.pass { background: #2e7d32 }
.verdict.warn { background: #b26a00 }
.verdict.refuse { background: #c62828 }
nav { display: flex; flex-wrap: wrap; gap: .3rem .9rem;
  margin: 1rem 0; padding: .6rem 0; border-block: 1px solid var(--line) }
.ge-section { margin-bottom: 1.2rem }
.alert { padding: .3rem .6rem; background: var(--soft); border-radius: .3rem }
.alert h5 { margin: 0 }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere }
th { background: var(--soft); font-weight: 600 }
td table { width: auto }
.badge { background: var(--soft); border: 1px solid var(--line); border-radius: .3rem;
  padding: 0 .35rem; font-family: monospace }
.text-danger { color: var(--bad) } .text-success { color: var(--good) } .text-warning { color: var(--warn) }
.fas { font-style: normal; font-weight: 700 }
.fa-check-circle::before { content: "\\2713 passed" }
.fa-times::before { content: "\\2717 failed" }
.fa-exclamation-triangle::before { content: "! error" }
footer { margin-top: 2rem; font-size: .85rem; opacity: .7 }
"""

TEMPLATES = {"page.j2": PAGE, "evenkeel.css": STYLE}
"""Templates by name, to be found before the vendor's of the same name."""
