#!/bin/sh
# Builds {{ d.variant }} in the parent folder of a llama.cpp tree ({{ d.source }}).
# Debian packages: {{ packages|join(" ") }}
{% for command in d.fetch %}
{{ "# The tree, where there is none (by python3-pip or git):\n" if loop.first }}#   {{ command|joined }}
{% endfor %}
set -eu
{% for command in d.build %}
{{ command|joined }}
{% endfor %}
