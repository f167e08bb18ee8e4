# Good and bad certificates for tests of TLS servers, for any POSIX shell:
#
#     . certs/kit.sh && sallyport_kit kit                   # makes the folder kit, or uses the one that is there
#     my_server "$kit_server_cert" "$kit_server_key" "$kit_ca" "$kit_crl" &
#     my_client "$(kit_cert good)" "$(kit_key good)"
#     for id in $(kit_bad); do ! my_client "$(kit_cert "$id")" "$(kit_key "$id")" || kit_says "$id"; done
#
# It runs the program `sallyport`: $SALLYPORT, or from PATH. The manifest has one set a line, so it is read with sed alone.

sallyport_kit() {
    kit=$1
    [ -f "$kit/manifest.json" ] || "${SALLYPORT:-sallyport}" certs fixtures "$@" >&2 || return
    kit_ca=$kit/ca.pem kit_crl=$kit/crl.pem kit_server_cert=$kit/server.pem kit_server_key=$kit/server.key
}

kit_cert() { printf '%s\n' "$kit/$1/cert.pem"; }
kit_key() { printf '%s\n' "$kit/$1/key.pem"; }

# The ids of those that must be refused, and of those that must be accepted, which any client can show, in TLS 1.2 and in 1.3.
kit_bad() { _kit_ids refuse; }
kit_good() { _kit_ids accept; }

# A field of a set: fault, openssl_error, check, alert, says.
kit_field() { sed -n "s/^{\"id\":\"$1\",.*\"$2\":\"\([^\"]*\)\".*/\1/p" "$kit/manifest.json"; }
kit_says() { kit_field "$1" says; }

_kit_ids() {
    sed -n "/\"required\":\"$1\"/{/\"needs\":\"\"/{/\"TLSv1.2\",\"TLSv1.3\"/s/^{\"id\":\"\([a-z0-9-]*\)\".*/\1/p;};}" "$kit/manifest.json"
}
