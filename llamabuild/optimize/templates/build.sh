#!/bin/sh
# Builds {{ d.variant }} in the parent folder of a llama.cpp tree ({{ d.source }}).
# Debian packages: {{ packages|join(" ") }}
set -eu
{% for command in d.build %}
{{ command|joined }}
{% endfor %}
