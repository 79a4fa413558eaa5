# The address of a post is made of its story's id. Jekyll makes one of the name of the file, but
# takes ".." and "./" out of it: "a..b" and "a....b" would be one page.
class StoryAddresses < Jekyll::Generator
  def generate(site)
    site.posts.docs.each do |post|
      id = post.data["from"].to_s[%r!/story\d+-(\d+)!, 1]
      post.data["permalink"] = "/story/#{id}.html" if id
    end
  end
end
