"""What runs: docker-compose.yml and .env, read once into frozen values. Nothing here starts anything."""
