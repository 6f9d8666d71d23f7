"""Write a mask preset as a C string: embed.py OUTPUT FILE."""

import os
import sys


def main():
    output, path = sys.argv[1:]
    name = os.path.splitext(os.path.basename(path))[0]
    with open(path, encoding="utf-8") as file:
        lines = [line.replace("\\", "\\\\").replace('"', '\\"').rstrip("\n") for line in file]
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "schema/mask_preset.h"\n\nconst char mask_preset_%s[] =\n' % name)
        out.write("\n".join('    "%s\\n"' % line for line in lines) + ";\n")


main()
