"""Write the entity files as a C array, in the order given: embed.py OUTPUT FILE..."""

import os
import sys


def literal(text):
    lines = []
    for line in text.splitlines(keepends=True):
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append('     "%s"' % escaped)
    return "\n".join(lines)


def main():
    output, files = sys.argv[1], sys.argv[2:]
    parts = ['#include "schema/catalogue_read.h"\n\n'
             "const struct catalogue_file catalogue_builtin[] = {\n"]
    for path in files:
        with open(path, encoding="utf-8") as file:
            parts.append('    {"%s",\n%s},\n' % (os.path.basename(path), literal(file.read())))
    parts.append("};\nconst size_t catalogue_builtin_count = %d;\n" % len(files))
    with open(output, "w", encoding="utf-8") as out:
        out.write("".join(parts))


main()
