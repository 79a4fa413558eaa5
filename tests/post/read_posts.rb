# Reads posts as Jekyll does: a post as JSON text a line in, a JSON array a line out, with the
# values of the header, what follows it, and the title as plain Psych has it.
require "jekyll"
require "json"
require "psych"

# Debian's Jekyll asks Psych, that of rubygems SafeYAML, which asks Psych.
def load_header(text)
  Jekyll::Utils.respond_to?(:safe_load_yaml) ? Jekyll::Utils.safe_load_yaml(text) : SafeYAML.load(text)
end

def read(post)
  found = post.match(Jekyll::Document::YAML_FRONT_MATTER_REGEXP)
  values = load_header(found[1])
  plain = Psych.safe_load(found[1], permitted_classes: [Time, Date])
  [values.merge("date" => values["date"].utc.strftime("%FT%T.%LZ")), found.post_match, plain["title"]]
rescue StandardError => problem
  ["#{problem.class}: #{problem.message}", "", ""]
end

STDIN.set_encoding("UTF-8")
STDIN.each_line { |line| puts JSON.generate(read(JSON.parse(line))) }
