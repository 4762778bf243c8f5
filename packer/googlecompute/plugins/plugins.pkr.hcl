# In a folder of its own: Packer 1.6 does not know the block, and 1.9 asks for plugins that it has inside.
# packer init plugins && packer build .

packer {
  required_plugins {
    googlecompute = {
      source  = "github.com/hashicorp/googlecompute"
      version = "= 1.2.7"
    }
  }
}
