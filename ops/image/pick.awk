# Prints the packages of a lock file whose names match, or with -v but=1 all others:
# awk -v names='hatchling|pluggy' -f pick.awk requirements.lock
/^[^ ]/ {
    name = $1
    sub(/==.*/, "", name)
    picked = name ~ ("^(" names ")$")
}
picked != but
