"""What only the destination's side finds wrong is told with the line of the file, too."""

from lib.suite import expect_contains, expect_equal

from base import shop, suite


@suite.case("csv-line-of-rules", "rules of the catalogue, duplicates and what does not fit name file and line, whether the run stops or goes on")
def _():
    with shop() as s:
        path = s.file("page_id,identifier,title\np1,good,Good\np2,a..b,\"Two\nlines\"\np3,c..d,Bad\np4,fine,Fine\n")
        out = s.sync("cms_page", path, code=1)
        expect_contains(out, "position=%s line 3" % path, "the error")
        out = s.sync("cms_page", path, "--skip-invalid", code=3)
        for key, line in (("p2", 3), ("p3", 5)):
            expect_contains(out, "left out entity=cms_page key=%s reason=\"%s line %d: cms_page %s is not valid: " % (key, path, line, key), "what is listed")
        s.expect("SELECT identifier FROM cms_page WHERE identifier IN ('good', 'a..b', 'c..d', 'fine') ORDER BY 1", "fine", "good")
        # categories come in the order of their tree, links of products behind all records
        path = s.file("entity_id,parent_id,name,url_key\nbelow,above,Below,below\nabove,,Above,above\n")
        s.sync("category", path)
        out = s.sync("category", path, code=1, duplicate="error")
        expect_contains(out, "%s line 3" % path, "the error")
        path = s.file("sku,type_id,name,price,grouped_product_skus\nG,grouped,g,,A\nA,simple,a,1,\n")
        s.sync("product", path)
        out = s.sync("product", path, code=1, duplicate="error")
        expect_contains(out, "%s line 2" % path, "the error")
        # what does not fit a column that only the destination knows of
        s.server.run("ALTER TABLE cms_page ADD UNIQUE (content_heading)", database="openmage")
        path = s.file("page_id,identifier,title,content_heading\nq1,one,One,same\nq2,two,Two,same\nq3,three,Three,other\n")
        out = s.sync("cms_page", path, code=1)
        expect_contains(out, "%s line 3" % path, "the error")
        out = s.sync("cms_page", path, "--skip-invalid", code=3)
        expect_contains(out, "left out entity=cms_page key=q2 reason=\"writing rows: Duplicate entry 'same'", "what is listed")
        expect_equal(out.count("%s line 3" % path), 1, "its line: " + out)
        s.expect("SELECT identifier FROM cms_page WHERE content_heading IN ('same', 'other') ORDER BY 1", "one", "three")
        # of an entity that comes in parts
        s.program.configure({"batch": {"max_rows": 100}})
        path = s.file("sku,name,price,tier_prices\nL,l,1,all:2:1\nM,m,1,%s|all:0:1\nN,n,1,all:2:1\n" % "|".join("all:%d:1" % n for n in range(2, 350)))
        out = s.sync("product", path, code=1)
        expect_contains(out, "position=%s line 3" % path, "the error")
        out = s.sync("product", path, "--skip-invalid", code=3)
        expect_contains(out, "left out entity=product key=sku:M reason=\"%s line 3: product sku:M is not valid: " % path, "what is listed")
        s.expect("SELECT sku FROM catalog_product_entity WHERE sku IN ('L', 'M', 'N') ORDER BY 1", "L", "N")
