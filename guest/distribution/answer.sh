# What the busybox userland answers on port 5001: a line of the request's SHA-256, length and upper case.
read -r line
printf '%s %s %s\n' "$(printf %s "$line" | sha256sum | cut -d ' ' -f 1)" "${#line}" "$(echo "$line" | tr a-z A-Z)"
