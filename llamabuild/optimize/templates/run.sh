# Environment
{% for name, value in d.environment.items() %}
export {{ name }}={{ value|quoted }}
{% else %}
# (nothing to set)
{% endfor %}

# llama-server
{{ server|joined }}

# llama-cli
{{ cli|joined }}
